"""Published rivals against ours at equal calls, where the engine was not tuned."""
