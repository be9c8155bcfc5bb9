"""The REST API of the controller: Rollouts to read and to follow, and people's intents to hand over."""
