//! The addresses of a peer by the numbers that Python knows them by.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Addresses that are known at once. Packets from others change nothing before they are
/// authenticated.
const MOST: usize = 8;

/// Return the address of a host without its name; a link-local one has an interface behind it.
pub fn parse(host: &str, port: u16, scope: u32) -> Option<SocketAddr> {
    let host = host.split('%').next().unwrap_or_default();
    Some(match host.parse().ok()? {
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, port),
    })
}

/// The addresses of one peer.
#[derive(Clone, Default)]
pub struct Addresses {
    all: Vec<SocketAddr>,
    last: usize,
    next: usize,
}

impl Addresses {
    /// Return the number of a new address, which may be that of one not used any more. The one that
    /// is `used` stays: anybody can send from as many as he likes.
    pub fn add(&mut self, address: SocketAddr, used: Option<SocketAddr>) -> usize {
        if self.all.len() < MOST {
            self.all.push(address);
            return self.all.len() - 1;
        }
        self.next = (self.next + 1) % MOST;
        if used == Some(self.all[self.next]) {
            self.next = (self.next + 1) % MOST;
        }
        self.all[self.next] = address;
        self.next
    }

    /// Return the address that datagrams have come from, by its number.
    pub fn received_from(&mut self, number: usize) -> Option<SocketAddr> {
        let address = self.all.get(number).copied()?;
        self.last = number;
        Some(address)
    }

    /// Return the first address, which is that of the server.
    pub fn first(&self) -> Option<SocketAddr> {
        self.all.first().copied()
    }

    /// Return the number of an address.
    pub fn number_of(&self, address: SocketAddr) -> usize {
        if self.all.get(self.last) == Some(&address) {
            return self.last;
        }
        self.all.iter().position(|each| *each == address).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        parse("192.0.2.1", port, 0).unwrap()
    }

    #[test]
    fn the_address_that_is_used_is_not_replaced() {
        let mut addresses = Addresses::default();
        for port in 0..8 {
            assert_eq!(addresses.add(address(port), None), usize::from(port));
        }
        assert_eq!(addresses.add(address(8), Some(address(1))), 2);
        assert_eq!(addresses.number_of(address(1)), 1);
        assert_eq!(addresses.received_from(2), Some(address(8)));
        assert_eq!(addresses.received_from(8), None);
    }

    #[test]
    fn a_link_local_address_has_its_interface_as_a_number() {
        let SocketAddr::V6(parsed) = parse("fe80::1%eth0", 443, 7).unwrap() else {
            panic!("it is not IPv6");
        };
        assert_eq!((parsed.scope_id(), parsed.port()), (7, 443));
        assert_eq!(parse("localhost", 443, 0), None);
    }
}
