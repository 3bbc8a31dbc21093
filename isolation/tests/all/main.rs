//! Tests of the crate against captured trees: per check, per box, and the report's forms.

mod boxes;
mod checks;
mod document;
mod fixture;
mod forms;
mod objections;
mod snapshot;
