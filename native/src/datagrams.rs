//! Datagrams that were received, with what the kernel says of them.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinn_udp::RecvMeta;

/// Datagrams of `size` bytes, of which the last may be shorter, from one address.
pub struct Arrived {
    pub data: BytesMut,
    pub size: usize,
    pub remote: SocketAddr,
    /// The address of this end, where the socket has several.
    pub local: Option<IpAddr>,
    pub ecn: u8,
}

/// Datagrams for Python: bytes, size, host, port, scope, address of this end, ECN bits.
pub type Unclaimed = (Py<PyBytes>, usize, String, u16, u32, Py<PyBytes>, u8);

impl Arrived {
    /// Return a part of what the kernel describes; `own_address` says whether the socket has
    /// several addresses.
    pub fn new(data: &[u8], meta: &RecvMeta, own_address: bool) -> Self {
        Self {
            data: BytesMut::from(data),
            size: meta.stride.max(1),
            remote: meta.addr,
            local: meta.dst_ip.filter(|_| own_address),
            ecn: meta.ecn.map_or(0, |ecn| ecn as u8),
        }
    }

    /// Return them as Python has them.
    pub fn for_python(&self, python: Python<'_>) -> Unclaimed {
        let bytes = |content: &[u8]| PyBytes::new_bound(python, content).unbind();
        let scope = match self.remote {
            SocketAddr::V6(address) => address.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let own = match self.local {
            Some(IpAddr::V4(ip)) => bytes(&ip.octets()),
            Some(IpAddr::V6(ip)) => bytes(&ip.octets()),
            None => bytes(b""),
        };
        let (host, port) = (self.remote.ip().to_string(), self.remote.port());
        (bytes(&self.data), self.size, host, port, scope, own, self.ecn)
    }
}
