"""The last REAL answer, held: what every cache of outputs does that has no better idea.

``v = v_0``, the newest REAL value. Under Euler one held gap is one long step of Euler's.
"""


class Hold:
    """Predicts that nothing changes."""

    capacity = 2
    trend_gain = None

    def value(self, history, query):
        return history.newest.value.clone()

    def learn(self, history, seen):
        """Nothing is learned."""
