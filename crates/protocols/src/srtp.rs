//! SRTP and SRTCP: packets enciphered and authenticated, in place.
