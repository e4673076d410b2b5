"""``fsampler queue --ray``: starts ComfyUIs on the machines of a Ray cluster, and gives the queue's jobs to them.

Ray finds a machine for each ComfyUI, notices when one dies, and carries the results. Which job is next, which are done,
and what is kept of them is the queue's own, as with named servers. Ray itself is imported only when a cluster is
asked for.
"""
