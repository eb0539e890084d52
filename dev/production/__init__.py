"""`make prod`: what docker-compose.yml runs, as processes on this machine, without containers."""
