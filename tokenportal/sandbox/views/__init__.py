"""The handlers, one module per part of the API. Each takes a call and the ids in its address, and hands back an Answer."""
