"""HTTP and the composition root. The only package that imports aiohttp."""
