//! Writes the folder of libtorch that was linked into the program, so that it is found at the start.
//!
//! Must never: fetch anything, or name a folder the builder did not.

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if let Ok(folder) = std::env::var("LIBTORCH") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}/lib");
    }
}
