//! The native QUIC engine of smbquic: one connection with one stream, without I/O.
//!
//! `quinn-proto` has the packets, streams and loss recovery, `rustls` the handshake. Datagrams and
//! the time go in, datagrams and the bytes of stream 0 come out; Python has the sockets and the
//! policy. Only public interfaces of both libraries are used.

mod callbacks;
mod client_hello;
mod config;
mod connection;
mod framer;
mod gaps;
mod ids;
mod parameters;
mod peer;
mod send_queue;
mod session;
mod tickets;
mod verifier;

use pyo3::prelude::*;

#[pymodule]
fn smbquic_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<config::ClientConfig>()?;
    module.add_class::<config::ServerConfig>()?;
    module.add_class::<config::Settings>()?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<tickets::Ticket>()?;
    Ok(())
}
