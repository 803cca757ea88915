//! TLS, both sides, with the one crypto stack (aws-lc-rs).
use super::tcp::Tcp;
use crate::config::TlsConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use std::io;
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Why there is no certificate to listen with. The configuration's fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Only one of the two was given.
    #[error("tls.cert and tls.key belong together: one of them is missing")]
    Half,
    /// The PEM text cannot be read.
    #[error("{setting} is no PEM text: {why}")]
    Pem {
        /// `tls.cert` or `tls.key`.
        setting: &'static str,
        /// What is wrong.
        why: String,
    },
    /// They do not fit, or no certificate could be made.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The configuration of TLS listeners: the certificate given, else a self-signed one made for this run.
pub fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |error: &dyn std::fmt::Display| TlsError::Unusable(error.to_string());
    let (chain, key) = match (&config.certificate_pem, &config.key_pem) {
        (Some(certificate), Some(key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
            let chain = chain.map_err(|e| TlsError::Pem { setting: "tls.cert", why: e.to_string() })?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                .map_err(|e| TlsError::Pem { setting: "tls.key", why: e.to_string() })?;
            (chain, key)
        }
        (None, None) => {
            let made =
                rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                    .map_err(|e| unusable(&e))?;
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(|e| unusable(&e))?;
            (vec![made.cert.der().clone()], key)
        }
        (Some(_), None) | (None, Some(_)) => return Err(TlsError::Half),
    };
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(&e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| unusable(&e))?;
    Ok(Arc::new(config))
}

/// The server's side of a handshake.
pub async fn accept(
    config: Arc<ServerConfig>,
    stream: Tcp,
) -> io::Result<tokio_rustls::server::TlsStream<Tcp>> {
    TlsAcceptor::from(config).accept(stream).await
}

/// The client's side of a handshake. `verify: false` takes any certificate (`rtspx`, `rtmpx`): cameras sign their own.
pub async fn connect(
    stream: Tcp,
    host: &str,
    verify: bool,
) -> io::Result<tokio_rustls::client::TlsStream<Tcp>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{host:?} is no host name")))?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = if verify {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
            .with_no_client_auth()
    };
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Takes any certificate, as the user asked for by the scheme; signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
