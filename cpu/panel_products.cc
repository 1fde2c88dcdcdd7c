// The instruction sets that panels are multiplied with.
#include "cpu/bf16_product.h"
#include "cpu/float_product.h"
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"
#include "cpu/quant_product.h"

namespace qwench::cpu {

static const char* no_avx2(DType) { return avx2_missing(); }
static const char* no_avx512bf16(DType) { return avx512bf16_missing(); }

const PanelProducts kPanelAvx2 = {no_avx2, float_gemv_avx2, float_gemm_avx2, quant_rows_avx2,
                                  quant_product_avx2};
const PanelProducts kPanelAvx2Int7 = {no_avx2, float_gemv_avx2, float_gemm_avx2,
                                      quant_rows_7bit_avx2, quant_product_avx2};
// One row of floats is bound by memory: 256 bits are as fast as 512.
const PanelProducts kPanelAvx512 = {avx512_missing, float_gemv_avx2, float_gemm_avx512,
                                    quant_rows_avx512vnni, quant_product_avx512vnni};
const PanelProducts kPanelAvx512Bf16 = {
    no_avx512bf16,          float_gemv_avx2,          float_gemm_avx512,
    quant_rows_avx512vnni,  quant_product_avx512vnni, bf16_rows_avx512bf16,
    bf16_product_avx512bf16};

}  // namespace qwench::cpu
