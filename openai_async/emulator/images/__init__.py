"""Images: `/v1/images/generations`, `/v1/images/edits` and `/v1/images/variations`.

`png` draws the images. To add an endpoint, write a handler in `endpoints` and add it to `routes`.
"""
