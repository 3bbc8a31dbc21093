//! The systemd version that first knew each key the units use. A key newer than the host's systemd
//! is left out and told: that version would log and ignore it.

/// A key of a unit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// First version of systemd that knows it.
    pub since: u32,
}

/// Oldest systemd the units are written for: what is older has no key of its own below.
pub const OLDEST: u32 = 240;
/// What is taken where a host does not say: Debian 12's.
pub const DEFAULT: u32 = 252;

/// Keys newer than [`OLDEST`]; source: the `Added in version` notes of systemd's manual pages.
pub const KEYS: &[Key] = &[
    key("RestrictSUIDSGID", 242),
    key("ProtectHostname", 242),
    key("OOMPolicy", 243),
    key("NUMAPolicy", 243),
    key("NUMAMask", 243),
    key("AllowedCPUs", 244),
    key("AllowedMemoryNodes", 244),
    key("ProtectKernelLogs", 244),
    key("ProtectClock", 245),
    key("ProtectProc", 247),
    key("ProcSubset", 247),
    key("LoadCredential", 247),
    key("PrivateIPC", 248),
    key("MemoryZSwapMax", 253),
    key("MemoryTHP", 260),
    key("CPUSetPartition", 261),
];

/// Keys every supported systemd knows.
pub const OLD: &[&str] = &[
    "AccuracySec",
    "After",
    "AmbientCapabilities",
    "AssertKernelCommandLine",
    "Before",
    "BindsTo",
    "CPUAffinity",
    "CPUSchedulingPolicy",
    "CPUWeight",
    "CapabilityBoundingSet",
    "Description",
    "DeviceAllow",
    "DevicePolicy",
    "Documentation",
    "Environment",
    "EnvironmentFile",
    "ExecStart",
    "ExecStartPre",
    "ExecStop",
    "Group",
    "IOSchedulingClass",
    "InaccessiblePaths",
    "KeyringMode",
    "KillMode",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitNOFILE",
    "LimitRTPRIO",
    "LimitRTTIME",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "MemoryMax",
    "MemoryMin",
    "MemorySwapMax",
    "Nice",
    "NoNewPrivileges",
    "OOMScoreAdjust",
    "OnActiveSec",
    "OnCalendar",
    "OnUnitActiveSec",
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectSystem",
    "ReadWritePaths",
    "RemainAfterExit",
    "RemoveIPC",
    "Requires",
    "Restart",
    "RestartPreventExitStatus",
    "RestartSec",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "RuntimeDirectoryPreserve",
    "Slice",
    "StandardError",
    "StandardOutput",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "StateDirectory",
    "StateDirectoryMode",
    "SuccessExitStatus",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "TasksMax",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "TimerSlackNSec",
    "Type",
    "UMask",
    "Unit",
    "User",
    "WantedBy",
    "Wants",
    "WorkingDirectory",
];

const fn key(name: &'static str, since: u32) -> Key {
    Key { name, since }
}

/// First version that knows a key; `None` for one that is in neither list.
#[must_use]
pub fn since(name: &str) -> Option<u32> {
    let new = KEYS.iter().find(|key| key.name == name).map(|key| key.since);
    new.or_else(|| OLD.contains(&name).then_some(OLDEST))
}
