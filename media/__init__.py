"""The media plane of one node: packets in, packets out, recordings. The only package that imports aiortc and av."""
