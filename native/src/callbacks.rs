//! The questions that a connection asks Python.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;

use crate::config::ServerConfig;
use crate::peer::Refusal;
use crate::tickets::Ticket;

const INTERNAL_ERROR: u8 = 80;

/// The Python object that answers.
pub struct Callbacks(PyObject);

impl Callbacks {
    pub fn new(answers: PyObject) -> Self {
        Self(answers)
    }

    /// Return a new connection ID of `size` bytes for this end.
    pub fn new_id(&self, size: usize) -> Vec<u8> {
        let made = Python::with_gil(|python| {
            let made: PyResult<Vec<u8>> =
                self.0.bind(python).call_method0(intern!(python, "new_id"))?.extract();
            made
        });
        match made {
            Ok(id) if id.len() == size => id,
            Ok(_) => random(size),
            Err(error) => {
                report(error);
                random(size)
            }
        }
    }

    /// Return the token of a stateless reset for a connection ID.
    pub fn reset_token(&self, id: &[u8]) -> [u8; 16] {
        let made = Python::with_gil(|python| {
            let id = PyBytes::new_bound(python, id);
            let made: PyResult<[u8; 16]> =
                self.0.bind(python).call_method1(intern!(python, "reset_token"), (id,))?.extract();
            made
        });
        made.unwrap_or_else(|error| {
            report(error);
            let mut token = [0; 16];
            token.copy_from_slice(&random(16));
            token
        })
    }

    /// Return why the peer's chain, the leaf first, is refused, if it is.
    pub fn verify(&self, chain: &[CertificateDer<'_>]) -> Option<Refusal> {
        let refused = Python::with_gil(|python| {
            let chain = PyList::new_bound(
                python,
                chain.iter().map(|certificate| PyBytes::new_bound(python, certificate)),
            );
            let refused: PyResult<Option<(u8, String)>> =
                self.0.bind(python).call_method1(intern!(python, "verify"), (chain,))?.extract();
            refused
        });
        match refused {
            Ok(None) => None,
            Ok(Some((alert, phrase))) => Some(Refusal::new(alert, phrase)),
            Err(error) => {
                report(error);
                Some(Refusal::new(INTERNAL_ERROR, "the certificate could not be verified"))
            }
        }
    }

    /// Return what a peer is told whose handshake is refused here, for a reason of `kind`.
    pub fn refuse(&self, kind: &str, detail: &str) -> Refusal {
        let told = Python::with_gil(|python| {
            let told: PyResult<(u8, String)> = self
                .0
                .bind(python)
                .call_method1(intern!(python, "refuse"), (kind, detail))?
                .extract();
            told
        });
        match told {
            Ok((alert, phrase)) => Refusal::new(alert, phrase),
            Err(error) => {
                report(error);
                Refusal::new(INTERNAL_ERROR, detail)
            }
        }
    }

    /// Return the certificate for the name that a client asks for, or why there is none.
    pub fn choose(&self, server_name: &str) -> Result<Py<ServerConfig>, Refusal> {
        let chosen = Python::with_gil(|python| {
            let chosen =
                self.0.bind(python).call_method1(intern!(python, "choose"), (server_name,))?;
            match chosen.extract::<(u8, String)>() {
                Ok((alert, phrase)) => Ok(Err(Refusal::new(alert, phrase))),
                Err(_) => chosen.extract::<Py<ServerConfig>>().map(Ok),
            }
        });
        chosen.unwrap_or_else(|error: PyErr| {
            report(error);
            Err(Refusal::new(INTERNAL_ERROR, "no certificate could be chosen"))
        })
    }

    /// Hand over a ticket for the next time.
    pub fn keep(&self, ticket: Ticket) {
        let kept = Python::with_gil(|python| {
            let ticket = Py::new(python, ticket)?;
            self.0.bind(python).call_method1(intern!(python, "keep"), (ticket,))?;
            Ok(())
        });
        kept.unwrap_or_else(report);
    }
}

/// Report an exception that nobody can handle: `sys.unraisablehook` is called with it.
fn report(error: PyErr) {
    Python::with_gil(|python| error.write_unraisable_bound(python, None));
}

fn random(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}
