"""A view loads through views.access, calls one action, and answers."""
