//! What NVIDIA's library says of the GPUs, where there is one: it is loaded at run time.
//!
//! Must never: set anything of a GPU, or guess a figure that the library does not give: it has no
//! line then.

use crate::host::Host;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::fmt::Write as _;

/// Where it is put.
pub(crate) const COUNT: &str = "told/nvml/count";

/// Asks the library of every GPU.
pub(crate) fn ask(host: &mut Host) {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => return host.deny(COUNT, &format!("NVML: {error}")),
    };
    match nvml.device_count() {
        Err(error) => host.deny(COUNT, &format!("NVML: {error}")),
        Ok(count) => {
            host.tell(COUNT, count.to_string());
            for index in 0..count {
                let path = format!("told/nvml/{index}");
                match nvml.device_by_index(index) {
                    Ok(device) => host.tell(&path, described(&device)),
                    Err(error) => host.deny(&path, &format!("NVML: {error}")),
                }
            }
        }
    }
}

/// One `key value` a line of what the library gives.
fn described(device: &Device<'_>) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: Result<String, NvmlError>| {
        if let Ok(value) = value {
            let _ = writeln!(text, "{key} {value}");
        }
    };
    let yes = |is_so: bool| if is_so { "yes".to_owned() } else { "no".to_owned() };
    let memory = device.memory_info();
    line("persistent", device.is_in_persistent_mode().map(yes));
    line("memory-free-mib", memory.as_ref().map(|m| (m.free >> 20).to_string()).map_err(copy));
    line("memory-total-mib", memory.as_ref().map(|m| (m.total >> 20).to_string()).map_err(copy));
    line("graphics-processes", device.running_graphics_processes_count().map(|n| n.to_string()));
    line("state", device.performance_state().map(|state| format!("{state:?}")));
    line("clock-mhz", device.clock_info(Clock::SM).map(|mhz| mhz.to_string()));
    line("clock-mhz-max", device.max_clock_info(Clock::SM).map(|mhz| mhz.to_string()));
    line("slowed-by", device.current_throttle_reasons().map(reasons));
    let count = |counter| device.total_ecc_errors(MemoryError::Uncorrected, counter);
    line("ecc-errors", count(EccCounter::Volatile).map(|n| n.to_string()));
    line("ecc-errors-ever", count(EccCounter::Aggregate).map(|n| n.to_string()));
    line("pages-pending", device.are_pages_pending_retired().map(yes));
    text
}

/// The library's error has no copy; of a missing answer no more than that is said.
fn copy(_: &NvmlError) -> NvmlError {
    NvmlError::NotSupported
}

fn reasons(found: ThrottleReasons) -> String {
    let names = [
        (ThrottleReasons::GPU_IDLE, "idle"),
        (ThrottleReasons::SW_POWER_CAP, "power-cap"),
        (ThrottleReasons::HW_SLOWDOWN, "hardware"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "heat"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "heat-of-hardware"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power-brake"),
    ];
    let found = names.iter().filter(|(reason, _)| found.contains(*reason)).map(|(_, name)| *name);
    let found: Vec<&str> = found.collect();
    if found.is_empty() { "none".to_owned() } else { found.join(",") }
}
