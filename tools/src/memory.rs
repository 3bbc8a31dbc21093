//! `corelane signal memory`: what the memory guard sees on this machine, and the level it gives.
//!
//! Must never: load anything; it looks once.

use crate::output::Output;
use serde_json::{Value, json};
use signal::guard::sensor::{Host, SensorError, Vram};
use signal::guard::{Level, Sample};
use station::operator::Failure;
use wire::exit::Exit;

const BYTES_PER_MIB: u64 = 1 << 20;

/// Runs the command.
///
/// # Errors
/// RESOURCE where the host's memory cannot be read. A machine without NVML is none.
pub fn memory(gpu: u32, as_json: bool) -> Result<(), Failure> {
    let host = Host::default().sample().map_err(|error| unreadable(&error))?;
    let vram = Vram::open(gpu).and_then(|vram| vram.sample());
    let mut out = Output::stdout();
    if as_json {
        let vram = match &vram {
            Ok(sample) => figures(*sample),
            Err(error) => json!({ "why_not": error.to_string() }),
        };
        let mut host_figures = figures(host.sample);
        host_figures["group"] = json!(host.group);
        out.line(format_args!("{:#}", json!({ "vram": vram, "host": host_figures })))?;
        return out.finish();
    }
    match &vram {
        Ok(sample) => out.line(format_args!("vram  {}", described(*sample)))?,
        Err(error) => {
            out.line(format_args!("vram  {error}; the host's memory is watched alone"))?
        }
    };
    let whose = host.group.map_or_else(String::new, |group| format!(", control group /{group}"));
    out.line(format_args!("host  {}{whose}", described(host.sample)))?;
    out.finish()
}

fn unreadable(error: &SensorError) -> Failure {
    let next = "check that /proc is mounted";
    Failure::new(Exit::Resource, "memory cannot be read", format!("reason=\"{error}\""), next)
}

/// The level of a guard that sees this sample first.
fn level(sample: Sample) -> Level {
    Level::default().after(sample)
}

fn described(sample: Sample) -> String {
    let tenths = u128::from(sample.used_bytes) * 1_000 / u128::from(sample.total_bytes.max(1));
    format!(
        "{} of {} MiB in use, {}.{} %, level {}",
        sample.used_bytes / BYTES_PER_MIB,
        sample.total_bytes / BYTES_PER_MIB,
        tenths / 10,
        tenths % 10,
        level(sample).name()
    )
}

fn figures(sample: Sample) -> Value {
    json!({
        "used_bytes": sample.used_bytes,
        "total_bytes": sample.total_bytes,
        "level": level(sample).name(),
    })
}
