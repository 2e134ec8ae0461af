"""What the API says, as values; and what it is told, as TypedDicts. One file per noun."""
