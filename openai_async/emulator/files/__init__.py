"""Files and uploads in parts: `/v1/files` and `/v1/uploads`.

`store` and `upload_store` keep the contents, small ones in memory and large ones on disk. To add an endpoint, write a
handler in `endpoints` or `uploads` and add it to `routes`.
"""
