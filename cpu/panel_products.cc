// The instruction sets that panels are multiplied with.
#include "cpu/float_product.h"
#include "cpu/panel_matmul.h"
#include "cpu/quant_product.h"

namespace qwench::cpu {

const PanelProducts kPanelAvx2 = {float_gemv_avx2, float_gemm_avx2, quant_rows_avx2,
                                  quant_product_avx2};
const PanelProducts kPanelAvx2Int7 = {float_gemv_avx2, float_gemm_avx2, quant_rows_7bit_avx2,
                                      quant_product_avx2};
// One row of floats is bound by memory: 256 bits are as fast as 512.
const PanelProducts kPanelAvx512 = {float_gemv_avx2, float_gemm_avx512, quant_rows_avx512vnni,
                                    quant_product_avx512vnni};

}  // namespace qwench::cpu
