"""The HTTP server of the node: the REST API, and the page for the field."""
