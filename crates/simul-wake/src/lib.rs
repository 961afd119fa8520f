//! simul-wake
