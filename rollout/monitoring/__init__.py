"""What to watch of the controller and of its releases: alert rules and a Grafana dashboard, from one definition."""
