"""Parameters of the methods, as TypedDicts. One file per resource, named as in `types`."""
