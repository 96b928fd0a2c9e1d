"""The present: today's scores, access, and the service."""
