# The manual page and the shells' completions, which the program itself writes; installed where man and the
# shells look for them. The schemas of its documents beside them.
set(pages "${CMAKE_CURRENT_BINARY_DIR}/pages")
file(MAKE_DIRECTORY "${pages}")

# qwench_page(<file> <destination> <argument>...): what the program prints with these arguments.
function(qwench_page file destination)
  add_custom_command(OUTPUT "${pages}/${file}"
    COMMAND qwench ${ARGN} > "${pages}/${file}" DEPENDS qwench VERBATIM)
  install(FILES "${pages}/${file}" DESTINATION "${destination}")
endfunction()

if(NOT CMAKE_CROSSCOMPILING)
  qwench_page(qwench.1 "${CMAKE_INSTALL_MANDIR}/man1" help --man)
  qwench_page(qwench "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" completion bash)
  qwench_page(_qwench "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" completion zsh)
  qwench_page(qwench.fish "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" completion fish)
  add_custom_target(pages ALL
    DEPENDS "${pages}/qwench.1" "${pages}/qwench" "${pages}/_qwench" "${pages}/qwench.fish")
endif()
install(DIRECTORY "${CMAKE_SOURCE_DIR}/bench/schemas"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/qwench" FILES_MATCHING PATTERN "*.schema.json")
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/README.md" TYPE DOC)
