"""Forms validate and hand back data; they never save."""
