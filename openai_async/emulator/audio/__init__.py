"""Audio: `/v1/audio/speech`, `/v1/audio/transcriptions` and `/v1/audio/translations`.

`wav` writes and reads audio files, `transcripts` writes each form of a transcript. To add an endpoint, write a handler
in `endpoints` and add it to `routes`.
"""
