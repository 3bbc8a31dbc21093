//! What a measurement went over: loopback, which card with which driver, and whether Onload carried
//! it.
//!
//! Must never: call a preloaded library an accelerated socket; the socket's own descriptor says it.
//! Reads the kernel's files.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;

/// The way of the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// No network in it: pipes, Unix sockets, memory.
    NoNetwork,
    /// This host's own address.
    Loopback,
    /// A network interface.
    Interface(Interface),
    /// The routes do not say which.
    Unknown,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Kernel driver; `None` where no device is behind it (veth, bridge).
    pub driver: Option<String>,
    /// Megabits a second, where the card says so.
    pub speed_mbps: Option<u64>,
    /// Largest packet, bytes.
    pub mtu: Option<u64>,
}

impl Link {
    /// The link to a peer, by this host's routes.
    #[must_use]
    pub fn to(peer: IpAddr) -> Self {
        let any: IpAddr = match peer {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        // Connecting a datagram socket sends nothing; the kernel names the source address.
        let source = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect((peer, 9))?;
            socket.local_addr()
        });
        if peer.is_loopback() || source.is_ok_and(|source| source.ip() == peer) {
            return Self::Loopback;
        }
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let name = match peer {
            IpAddr::V4(ip) => route_v4(&read("/proc/net/route"), ip.into()),
            IpAddr::V6(ip) => route_v6(&read("/proc/net/ipv6_route"), ip.into()),
        };
        name.map_or(Self::Unknown, |name| Self::Interface(Interface::look(name)))
    }

    /// The link in words.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::NoNetwork => "no network: inside this host".into(),
            Self::Loopback => "loopback: not a network figure".into(),
            Self::Unknown => "unknown: no route of this host leads to the peer".into(),
            Self::Interface(Interface { name, driver, speed_mbps, mtu }) => {
                let driver = driver.as_deref().unwrap_or("none, a virtual interface");
                let mut told = format!("{name}, driver {driver}");
                if let Some(speed) = speed_mbps {
                    let _ = write!(told, ", {speed} Mbit/s");
                }
                if let Some(mtu) = mtu {
                    let _ = write!(told, ", MTU {mtu}");
                }
                told
            }
        }
    }

    /// Why a figure over this link is no network figure of a card.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        match self {
            Self::Interface(Interface { driver: Some(_), .. }) => None,
            Self::Interface(Interface { name, .. }) => Some(format!("{name} is virtual")),
            Self::NoNetwork => Some("no network in it".into()),
            Self::Loopback => Some("loopback, not a network figure".into()),
            Self::Unknown => Some("link unknown".into()),
        }
    }

    /// The link as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let kind = match self {
            Self::NoNetwork => "none",
            Self::Loopback => "loopback",
            Self::Interface(_) => "interface",
            Self::Unknown => "unknown",
        };
        let Self::Interface(Interface { name, driver, speed_mbps, mtu }) = self else {
            return json!({ "kind": kind });
        };
        json!({
            "kind": kind, "name": name, "driver": driver, "speed_mbps": speed_mbps, "mtu": mtu,
        })
    }
}

impl Interface {
    fn look(name: String) -> Self {
        let folder = Path::new("/sys/class/net").join(&name);
        let number = |file: &str| {
            fs::read_to_string(folder.join(file)).ok().and_then(|text| text.trim().parse().ok())
        };
        let driver = fs::read_link(folder.join("device/driver")).ok();
        let driver = driver.as_deref().and_then(Path::file_name);
        Self {
            driver: driver.map(|driver| driver.to_string_lossy().into_owned()),
            speed_mbps: number("speed"),
            mtu: number("mtu"),
            name,
        }
    }
}

/// The interface of the narrowest route to `ip` in the text of `/proc/net/route`.
#[must_use]
pub fn route_v4(text: &str, ip: u32) -> Option<String> {
    const UP: u32 = 1;
    let routes = text.lines().skip(1).filter_map(|line| {
        let cells: Vec<&str> = line.split_ascii_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(cells.get(at)?, 16).ok();
        // The kernel prints an address as a little-endian word over the network's byte order.
        let (to, mask) = (hex(1)?.swap_bytes(), hex(7)?.swap_bytes());
        let metric: u32 = cells.get(6)?.parse().ok()?;
        let fits = hex(3)? & UP != 0 && ip & mask == to;
        fits.then(|| (mask.count_ones(), u32::MAX - metric, (*cells.first()?).to_owned()).into())?
    });
    routes.max_by_key(|(bits, metric, _): &(u32, u32, String)| (*bits, *metric)).map(|best| best.2)
}

/// The same in the text of `/proc/net/ipv6_route`.
#[must_use]
pub fn route_v6(text: &str, ip: u128) -> Option<String> {
    const UP: u32 = 1;
    let routes = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split_ascii_whitespace().collect();
        let to = u128::from_str_radix(cells.first()?, 16).ok()?;
        let bits = u32::from_str_radix(cells.get(1)?, 16).ok().filter(|bits| *bits <= 128)?;
        let metric = u32::from_str_radix(cells.get(5)?, 16).ok()?;
        let flags = u32::from_str_radix(cells.get(8)?, 16).ok()?;
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        let name = (*cells.get(9)?).to_owned();
        (flags & UP != 0 && ip & mask == to).then_some((bits, u32::MAX - metric, name))
    });
    routes.max_by_key(|(bits, metric, _)| (*bits, *metric)).map(|best| best.2)
}

/// What is known of Onload in this measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onload {
    /// Its library is not in the process.
    NotLoaded,
    /// It is there, and so many of the sockets measured are its own.
    Loaded {
        /// Sockets whose descriptor is Onload's.
        accelerated: usize,
        /// Sockets looked at.
        sockets: usize,
    },
    /// Another program measured and says so of itself.
    Told {
        /// Both ends were preloaded and named Onload's version.
        both_ends: bool,
    },
}

impl Onload {
    /// Looks at this process's maps and its open sockets.
    #[must_use]
    pub fn look() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let links = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let targets = links.filter_map(|entry| fs::read_link(entry.path()).ok());
        Self::of(&maps, targets.map(|path| path.to_string_lossy().into_owned()))
    }

    /// The same of texts: the maps, and what the descriptors point to.
    fn of(maps: &str, targets: impl Iterator<Item = String>) -> Self {
        if !maps.contains("libonload") {
            return Self::NotLoaded;
        }
        let (mut accelerated, mut sockets) = (0, 0);
        for target in targets {
            let is_onload = target.contains("onload:[tcp") || target.contains("onload:[udp");
            accelerated += usize::from(is_onload);
            sockets += usize::from(is_onload || target.starts_with("socket:["));
        }
        Self::Loaded { accelerated, sockets }
    }

    /// Whether every socket of the measurement is known to be accelerated.
    #[must_use]
    pub fn accelerates(&self) -> bool {
        match self {
            Self::NotLoaded => false,
            Self::Loaded { accelerated, sockets } => *accelerated > 0 && accelerated == sockets,
            Self::Told { both_ends } => *both_ends,
        }
    }

    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::NotLoaded if cfg!(target_feature = "crt-static") => {
                "not loaded, and cannot be: this build is static".into()
            }
            Self::NotLoaded => "not loaded: the kernel's network stack".into(),
            Self::Loaded { accelerated, sockets } if self.accelerates() => {
                format!("accelerates {accelerated} of {sockets} sockets")
            }
            Self::Loaded { accelerated, sockets } => format!(
                "loaded, but accelerates {accelerated} of {sockets} sockets: the kernel's stack \
                 carried the rest"
            ),
            Self::Told { both_ends: true } => "preloaded on both ends, by their own word".into(),
            Self::Told { both_ends: false } => {
                "not on both ends: the kernel's network stack".into()
            }
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "accelerates": self.accelerates(), "told": self.told() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n\
        eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\n\
        wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\n\
        sfc0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\n\
        down0\t0001000A\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\n";

    #[test]
    fn the_narrowest_route_that_is_up_names_the_interface() {
        let via = |ip: [u8; 4]| route_v4(ROUTES, Ipv4Addr::from(ip).into());
        assert_eq!(via([10, 0, 1, 7]).as_deref(), Some("sfc0"), "down0 is down");
        assert_eq!(via([8, 8, 8, 8]).as_deref(), Some("eth0"), "the lower metric");
        assert_eq!(route_v4("", 1), None);
        assert_eq!(route_v4("head\nrubbish line\n\n", 1), None);
    }

    #[test]
    fn the_same_for_the_new_addresses() {
        let zero = "0".repeat(32);
        let line = |to: &str, bits: &str, flags: &str, name: &str| {
            format!("{to} {bits} {zero} 00 {zero} 00000400 00000001 00000000 {flags} {name}\n")
        };
        let net = format!("fd00{}", "0".repeat(28));
        let text = line(&zero, "00", "00000003", "eth0") + &line(&net, "08", "00000001", "sfc0");
        let ip = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().into();
        assert_eq!(route_v6(&text, ip("fd00::7")).as_deref(), Some("sfc0"));
        assert_eq!(route_v6(&text, ip("2001::7")).as_deref(), Some("eth0"));
        assert_eq!(route_v6("x y z", 1), None);
    }

    #[test]
    fn only_a_socket_of_onload_is_accelerated() {
        let targets = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let of = |maps: &str, list: &[&str]| Onload::of(maps, targets(list).into_iter());
        let maps = "7f00 r-xp /usr/lib64/libonload.so\n";
        assert_eq!(of("libc.so", &["onload:[tcp:6:3]"]), Onload::NotLoaded);
        let silent = of(maps, &["socket:[12]", "socket:[13]", "/dev/null"]);
        assert_eq!(silent, Onload::Loaded { accelerated: 0, sockets: 2 });
        assert!(!silent.accelerates() && silent.told().contains("kernel"));
        assert!(of(maps, &["onload:[tcp:6:3]", "onload:[udp:6:2]", "pipe:[3]"]).accelerates());
        assert!(!of(maps, &["onload:[tcp:6:3]", "socket:[13]"]).accelerates());
        assert!(!of(maps, &[]).accelerates(), "nothing was proven");
    }

    #[test]
    fn this_host_is_loopback_and_never_certified() {
        let link = Link::to(Ipv4Addr::LOCALHOST.into());
        assert_eq!(link, Link::Loopback);
        assert!(link.objection().unwrap().contains("loopback"));
        let virtual_one =
            Interface { name: "veth0".into(), driver: None, speed_mbps: None, mtu: Some(1_500) };
        assert!(Link::Interface(virtual_one).objection().unwrap().contains("virtual"));
    }
}
