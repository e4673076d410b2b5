"""What a server says is a picture: only what begins like one is kept, under the ending that fits."""

MOST = 256 * 2**20  # bytes


def ending(data):
    """``png``, ``jpg`` or ``webp`` as the first bytes say, else None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def listed(outputs, prompt):
    """``(node, index, file)`` of the pictures in a history's outputs, those of our own report nodes left out."""
    for number, output in outputs.items():
        kind = (prompt.get(number) or {}).get("class_type", "")
        images = output.get("images") if isinstance(output, dict) else None
        if kind in ("FSamplerReport", "FSamplerCompare") or not isinstance(images, list):
            continue
        for index, file in enumerate(images):
            if isinstance(file, dict) and isinstance(file.get("filename"), str):
                yield number, index, {key: str(file.get(key, "")) for key in ("filename", "subfolder", "type")}
