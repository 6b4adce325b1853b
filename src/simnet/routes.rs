//! Which way packets take: shortest paths by the costs of links, several where they cost the same, and routes that a file sets.
