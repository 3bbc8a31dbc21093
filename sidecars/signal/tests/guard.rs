//! The memory guard: levels and hysteresis, loads refused by name, what is unloaded in which order,
//! the CPU model taking over, records that give the same guard again, and what the host's files say.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

#[path = "guard/decisions.rs"]
mod decisions;
#[path = "guard/property.rs"]
mod property;
#[path = "guard/sensor.rs"]
mod sensor;
