"""The words of the package: which names it may use, and how long a public sentence may be."""
