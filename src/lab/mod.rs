//! The simulated network put to work: in virtual time with the engine, or behind a TUN device with real sockets.
