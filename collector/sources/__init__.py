"""The feeds of a tenant, each asked slice by slice; none of them touches the disk."""
