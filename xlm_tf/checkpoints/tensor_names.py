"""Names of the tensors in PyTorch's files, by the variables that they fill."""


def dense(layer, name):
    """dict from the variables of a dense layer to the tensors of a `nn.Linear`."""
    return {f"{layer}/kernel": f"{name}.weight", f"{layer}/bias": f"{name}.bias"}


def norm(layer, name):
    """dict from the variables of a LayerNorm to the tensors of a `nn.LayerNorm`."""
    return {f"{layer}/gamma": f"{name}.weight", f"{layer}/beta": f"{name}.bias"}


def qkv(layer, names):
    """dict from one dense layer's variables to the tensors of three: q, k and v."""
    return {
        f"{layer}/kernel": tuple(f"{name}.weight" for name in names),
        f"{layer}/bias": tuple(f"{name}.bias" for name in names),
    }
