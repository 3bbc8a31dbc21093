//! The way there and back on captured trees: what is written is what was planned, what is taken
//! back is what was, a kill at any call can be taken back, and nobody else's edit is lost.

mod boot_files;
mod edits;
mod faults;
mod live;
mod support;
mod there_and_back;
