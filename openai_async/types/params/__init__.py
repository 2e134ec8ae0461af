"""The parameters of the methods, as TypedDicts. One file per resource, named as in `types`.

None omits a parameter; `NULL` sends a null. Parameters not listed here are sent unchanged, so that new ones need no new
version. Nothing is checked at run time, except by the method itself.

To add a parameter, add a key to the TypedDict of its method, under the API's name, with `NotRequired` unless the API
requires it. `tests/spec` compares the keys with the API's description.
"""
