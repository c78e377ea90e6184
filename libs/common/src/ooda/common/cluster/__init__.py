"""The one door to the API server: nothing outside this package imports ``kubernetes``.

Objects are the API server's own JSON, as mappings: what a program does not know of stays in them,
and reading them raw is several times as fast as the client's models.
"""
