/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/report.h"

#include <openssl/ec.h>
#include <openssl/rand.h>
#include <string.h>

#include "sim/bytes.h"
#include "sim/must.h"

#define SCALAR_SIZE    48U
#define SIGNATURE_SIZE (2 * SCALAR_SIZE)

enum {
        MEASUREMENT_SPEC_DMTF = 0x01,
        VALUE_TYPE_FIRMWARE   = 0x01,
        VALUE_HEAD_SIZE       = 3, /* value type, value size */
};

static void put_number(SimBytes *b, int value, size_t size) {
        sim_bytes_put_le(b, (uint32_t) value, size);
}

static void put_request(SimBytes *b, const uint8_t *nonce, const SimReportTweaks *t) {
        put_number(b, t->request_version, 1);
        put_number(b, t->request_code, 1);
        put_number(b, t->request_param1, 1);
        put_number(b, t->request_param2, 1);
        sim_bytes_put(b, nonce, SIM_NONCE_SIZE);
        put_number(b, t->request_slot, 1);
}

static int override(int tweak, int value) {
        return tweak == SIM_KEEP ? value : tweak;
}

static void put_block(SimBytes *b, int number, const uint8_t digest[static SIM_DIGEST_SIZE],
                      const SimReportTweaks *t) {
        static const SimReportTweaks none = SIM_REPORT_TWEAKS;
        const SimReportTweaks *own = number == t->block ? t : &none;
        size_t bytes = (size_t) override(own->value_bytes, SIM_DIGEST_SIZE);
        size_t copied = bytes < SIM_DIGEST_SIZE ? bytes : SIM_DIGEST_SIZE;

        put_number(b, override(own->block_index, number), 1);
        put_number(b, override(own->block_specification, MEASUREMENT_SPEC_DMTF), 1);
        put_number(b, override(own->block_size, VALUE_HEAD_SIZE + (int) bytes), 2);
        put_number(b, override(own->value_type, VALUE_TYPE_FIRMWARE), 1);
        put_number(b, override(own->value_size, (int) bytes), 2);
        sim_bytes_put(b, digest, copied);
        sim_bytes_fill(b, 0, bytes - copied);
}

static int put_record(SimBytes *b, const SimDevice *d, const SimReportTweaks *t) {
        int n = 0;

        for (int number = 1; (size_t) number <= d->n_blocks; number++) {
                if (number == t->block_drop)
                        continue;
                put_block(b, number, d->digests[number - 1], t);
                n++;
        }
        sim_bytes_fill(b, 0, (size_t) t->record_trailing);
        return n;
}

static void put_opaque(SimBytes *b, const SimDevice *d) {
        if (d->versioned) {
                sim_bytes_put(b, "NVDAOD", 6);
                sim_bytes_put_le(b, d->profile, 2);
                sim_bytes_put(b, (uint8_t[]){ d->major, d->minor, d->patch, 0 }, 4);
        }
        for (size_t i = 0; i < d->n_entries; i++) {
                const SimOpaqueEntry *e = &d->entries[i];

                sim_bytes_put_le(b, e->type, 2);
                if (d->versioned)
                        sim_bytes_put_le(b, e->value_type, 2);
                sim_bytes_put_le(b, (uint32_t) ((int) e->size + e->size_delta), 2);
                sim_bytes_put(b, e->value, e->size);
        }
}

static void put_response(SimBytes *b, const SimDevice *d, const SimReportTweaks *t) {
        _cleanup_bytes_ SimBytes record = {}, opaque = {};
        uint8_t responder_nonce[SIM_NONCE_SIZE];
        int n_blocks = put_record(&record, d, t);

        if (t->opaque)
                sim_bytes_put(&opaque, t->opaque, t->opaque_size);
        else if (!t->opaque_empty)
                put_opaque(&opaque, d);
        sim_bytes_fill(&opaque, 0, (size_t) t->opaque_trailing);
        MUST(RAND_bytes(responder_nonce, sizeof(responder_nonce)) == 1);

        put_number(b, t->response_version, 1);
        put_number(b, t->response_code, 1);
        put_number(b, t->response_param1, 1);
        put_number(b, t->response_param2, 1);
        put_number(b, n_blocks + t->n_blocks_delta, 1);
        put_number(b, (int) record.size + t->record_length_delta, 3);
        sim_bytes_put(b, record.data, record.size);
        sim_bytes_put(b, responder_nonce, sizeof(responder_nonce));
        put_number(b, (int) opaque.size + t->opaque_length_delta, 2);
        sim_bytes_put(b, opaque.data, opaque.size);
        sim_bytes_fill(b, 0, (size_t) t->signed_trailing);
}

static void sign_once(EVP_PKEY *key, const SimBytes *b, uint8_t ret[static SIGNATURE_SIZE]) {
        unsigned char der[2 * SIGNATURE_SIZE];
        const unsigned char *p = der;
        size_t n = sizeof(der);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        ECDSA_SIG *sig;

        MUST(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1);
        MUST(EVP_DigestSign(ctx, der, &n, b->data, b->size) == 1);
        EVP_MD_CTX_free(ctx);
        sig = d2i_ECDSA_SIG(NULL, &p, (long) n);
        MUST(sig);
        MUST(BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, SCALAR_SIZE) == SCALAR_SIZE);
        MUST(BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + SCALAR_SIZE, SCALAR_SIZE) == SCALAR_SIZE);
        ECDSA_SIG_free(sig);
}

static bool is_wanted(const uint8_t signature[static SIGNATURE_SIZE], SimSignature kind) {
        if (kind == SIM_SIGNATURE_HIGH_BITS)
                return signature[0] & 0x80 && signature[SCALAR_SIZE] & 0x80;
        if (kind == SIM_SIGNATURE_LEADING_ZERO)
                return signature[0] == 0;
        return true;
}

static void spoil(uint8_t signature[static SIGNATURE_SIZE], SimSignature kind) {
        uint8_t r[SCALAR_SIZE];

        switch (kind) {
        case SIM_SIGNATURE_FLIPPED:
                signature[SIGNATURE_SIZE - 1] ^= 1;
                break;
        case SIM_SIGNATURE_SWAPPED:
                memcpy(r, signature, SCALAR_SIZE);
                memcpy(signature, signature + SCALAR_SIZE, SCALAR_SIZE);
                memcpy(signature + SCALAR_SIZE, r, SCALAR_SIZE);
                break;
        case SIM_SIGNATURE_R_ZERO:
                memset(signature, 0, SCALAR_SIZE);
                break;
        case SIM_SIGNATURE_S_ZERO:
                memset(signature + SCALAR_SIZE, 0, SCALAR_SIZE);
                break;
        case SIM_SIGNATURE_ALL_ONES:
                memset(signature, 0xff, SIGNATURE_SIZE);
                break;
        default:
                break;
        }
}

void sim_device_report(const SimDevice *d, const uint8_t nonce[static SIM_NONCE_SIZE], const SimReportTweaks *tweaks,
                       uint8_t **ret, size_t *ret_size) {
        static const SimReportTweaks none = SIM_REPORT_TWEAKS;
        const SimReportTweaks *t = tweaks ?: &none;
        uint8_t signature[SIGNATURE_SIZE];
        SimBytes b = {};

        put_request(&b, nonce, t);
        put_response(&b, d, t);
        do
                sign_once(t->signer ?: d->leaf->key, &b, signature);
        while (!is_wanted(signature, (SimSignature) t->signature));
        spoil(signature, (SimSignature) t->signature);
        sim_bytes_put(&b, signature, sizeof(signature));
        sim_bytes_fill(&b, 0, (size_t) t->unsigned_trailing);
        MUST((size_t) t->cut <= b.size);
        *ret = b.data;
        *ret_size = b.size - (size_t) t->cut;
}

void sim_device_opaque(const SimDevice *d, uint8_t **ret, size_t *ret_size) {
        SimBytes b = {};

        put_opaque(&b, d);
        *ret = b.data;
        *ret_size = b.size;
}
