//! The journal against a disk that fails, forgets and is damaged.

mod damage;
mod faults;
mod life;
mod reading;
mod support;
