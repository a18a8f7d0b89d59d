//! Of each key the newest record stays; what readers need to understand the log stays with it.
