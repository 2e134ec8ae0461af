"""The resources of the API: one file each, with thin methods.

A method names an `Operation` (verb, path template, form or JSON), the class of the reply, and checks what no server can
answer. `_base.prepare` turns the arguments into a request, once; the pipeline sends it. The only state of a resource is
its pipeline. Methods take `Unpack[TypedDict]` and empty it, so that no traceback frame shows a prompt.

Operations without a method here are still callable: `_generic.py` looks them up in the operation catalog
(`endpoints.txt`) and returns `APIObject`s. Shared parts are `_pagination`, `_polling`, `_download`, `_upload` and
`_multipart_form`.

To add a resource, do this:

1. Write its reply types in `types/NAME.py` and its parameters in `types/params/NAME.py`. 2. Write `resources/NAME.py`
with a class that extends `CatalogResource`; its `_catalog_name` is the dotted name. 3. Add a property to `AsyncClient`
(or to the parent resource). 4. Run `python -m openai_async._codegen.sync`, which writes the synchronous class.

`embeddings.py` is the shortest complete example.
"""
