"""The public names with their signatures, and what importing them loads: pinned as texts, which a change must renew.

A change that a user could notice is a difference of these texts. To accept it: python -m tests.public_api
"""
