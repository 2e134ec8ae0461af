"""Values of the API: replies as attrs classes, parameters as TypedDicts. One file per resource.

`chat.py` has the replies of `client.chat`, `params/chat.py` its parameters. Values are frozen by convention: nothing in
this package changes one after it is built. They are lenient: unknown fields are kept in `extra`, unknown enumeration
values are plain strings, and a missing field has a default. `Value` and `Reply` in `_base.py` are the base classes;
`APIObject` is the class of everything without a class of its own. Nothing here does I/O or reads a clock.

To add a type, write an attrs class that extends `Value` (a part) or `Reply` (a complete reply), with the API's field
names and a default for each field. The decoder reads it from its annotations. `tests/spec/test_fields.py` compares the
fields with the API's description.
"""
