"""The API's nouns: one file each, with thin methods that say path, types and page style."""
