"""The laboratory: real network namespaces, real enforcement in the kernel, real connections between them."""
