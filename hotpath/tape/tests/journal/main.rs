//! The journal against a disk that fails, forgets and is damaged.

mod bounds;
mod damage;
mod faults;
mod forged;
mod life;
mod reading;
mod support;
