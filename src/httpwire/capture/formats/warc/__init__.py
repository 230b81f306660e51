"""WARC files (ISO 28500): one room for octets, records, reading and writing each; `format` is the door."""
