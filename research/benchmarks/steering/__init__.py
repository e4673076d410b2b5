"""How modes of ours hold up on schedules, networks and samplers that the engine was not tuned on."""
