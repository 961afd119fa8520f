//! simul-cli
