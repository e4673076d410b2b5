"""A small learned image model to run the engine on: network, data, training script and the demo command."""
